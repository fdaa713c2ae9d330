variable "project" {
  description = "Project of the jobs."
  type        = string
}

variable "region" {
  description = "Location of the jobs."
  type        = string
}

variable "prefix" {
  description = "How the names of the jobs begin. Serin looks for `serin`."
  type        = string
}

variable "cluster" {
  description = "Name of the cluster, as in SERIN_CLUSTERS."
  type        = string
}

variable "url" {
  description = "URL of the tick function."
  type        = string
}

variable "caller" {
  description = "E-mail address of the service account whose token the calls carry."
  type        = string
}

variable "audience" {
  description = "What the token is for; one of SERIN_AUDIENCES."
  type        = string
}

variable "sweep_schedule" {
  description = "When the sweep runs, as a cron expression in UTC."
  type        = string
  default     = "*/10 * * * *"
}
