variable "project" {
  description = "Project of the function."
  type        = string
}

variable "region" {
  description = "Region of the function."
  type        = string
}

variable "prefix" {
  description = "How the name of the function begins."
  type        = string
}

variable "name" {
  description = "The function: its file in the archive, its entry point, and the end of its name."
  type        = string

  validation {
    condition     = contains(["webhook", "event", "tick", "slack", "metrics"], var.name)
    error_message = "There is no such function: use webhook, event, tick, slack or metrics."
  }
}

variable "description" {
  description = "What the function is for, as the console shows it."
  type        = string
}

variable "runtime" {
  description = "Python runtime."
  type        = string
}

variable "source_code" {
  description = "Where the archive is."
  type = object({
    bucket = string
    object = string
  })
}

variable "account" {
  description = "E-mail address of the service account that the function runs as."
  type        = string
}

variable "build_account" {
  description = "Resource name of the service account that builds it."
  type        = string
}

variable "environment" {
  description = "Settings that are no secrets, by variable."
  type        = map(string)
}

variable "secret_environment" {
  description = "Settings that are: ids of their secrets, by variable. Read when an instance starts."
  type        = map(string)
  default     = {}
}

variable "secret_files" {
  description = "Ids of secrets by the folder in which each is the file `value`. Read at each use, so they can be replaced at any time."
  type        = map(string)
  default     = {}
}

variable "internal" {
  description = "Whether only callers inside the project reach it; Cloud Scheduler is one."
  type        = bool
  default     = false
}

variable "connector" {
  description = "Serverless VPC connector for private addresses; null: none."
  type        = string
  default     = null
}

variable "size" {
  description = "How large and how many: memory, CPUs, time limit in seconds, most and fewest instances, requests that one takes at the same time."
  type = object({
    memory          = optional(string, "512Mi")
    cpu             = optional(string, "1")
    timeout_seconds = optional(number, 30)
    instances       = optional(number, 4)
    warm            = optional(number, 0)
    concurrency     = optional(number, 40)
  })
  default = {}
}
