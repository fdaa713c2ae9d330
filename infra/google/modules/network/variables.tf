variable "project" {
  description = "Project of the connector."
  type        = string
}

variable "region" {
  description = "Region of the connector; the functions' own."
  type        = string
}

variable "name" {
  description = "Name of the connector, at most 25 characters."
  type        = string

  validation {
    condition     = can(regex("^[a-z][-a-z0-9]{0,23}[a-z0-9]$", var.name))
    error_message = "A connector's name has 2 to 25 lower-case letters, digits and hyphens, and starts with a letter."
  }
}

variable "network" {
  description = "The VPC network."
  type        = string
}

variable "range" {
  description = "An unused /28 of the network."
  type        = string

  validation {
    condition     = can(cidrhost(var.range, 0)) && endswith(var.range, "/28")
    error_message = "The range must be a /28, such as 10.8.0.0/28."
  }
}
