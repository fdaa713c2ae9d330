variable "project" {
  description = "Project of the database."
  type        = string
}

variable "name" {
  description = "Name of the database."
  type        = string
}

variable "location" {
  description = "Location of the database, a region or a multi-region such as eur3. It cannot be changed later."
  type        = string
}

variable "keep_history" {
  description = "Whether the database is protected from deletion and outlives the installation."
  type        = bool
}

variable "point_in_time_recovery" {
  description = "Whether Firestore keeps seven days of versions to go back to. It costs storage."
  type        = bool
}
