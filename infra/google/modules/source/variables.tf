variable "project" {
  description = "Project of the bucket."
  type        = string
}

variable "bucket" {
  description = "Name of the bucket; unique in all of Google Cloud."
  type        = string
}

variable "location" {
  description = "Location of the bucket."
  type        = string
}

variable "archive" {
  description = "Path of the archive that `make package` writes."
  type        = string
}
