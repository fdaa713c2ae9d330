variable "project" {
  description = "Project of the service accounts."
  type        = string
}

variable "prefix" {
  description = "How the names of the service accounts begin."
  type        = string
}

variable "database" {
  description = "The Firestore database, as IAM conditions name it."
  type        = string
}

variable "cluster_projects" {
  description = "Projects that the clusters are in."
  type        = set(string)
}

variable "metrics_projects" {
  description = "Projects whose Managed Service for Prometheus is asked; empty: none is."
  type        = set(string)
}

variable "connect_gateway" {
  description = "Whether clusters are reached through the Connect gateway."
  type        = bool
}
