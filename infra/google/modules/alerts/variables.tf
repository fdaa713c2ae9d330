variable "project" {
  description = "Project whose logs are watched."
  type        = string
}

variable "prefix" {
  description = "How the names of the functions and jobs begin."
  type        = string
}

variable "channels" {
  description = "Resource names of the notification channels that are told."
  type        = list(string)
}

variable "enabled" {
  description = "Which alerts there are: fault, blind, rolled_back, jobs."
  type        = set(string)

  validation {
    condition     = length(setsubtract(var.enabled, ["fault", "blind", "rolled_back", "jobs"])) == 0
    error_message = "There is no such alert: use fault, blind, rolled_back and jobs."
  }
}
