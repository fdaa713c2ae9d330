variable "project" {
  description = "Project of the secrets."
  type        = string
}

variable "prefix" {
  description = "How the names of the secrets begin."
  type        = string
}

variable "clusters" {
  description = "Names of the clusters."
  type        = set(string)
}

variable "generation" {
  description = "Number of each generated value; a higher one makes a new value. A new hash key makes every tracked Secret look changed."
  type = object({
    hash_key  = number
    scrape    = number
    webhook_a = number
    webhook_b = number
  })
}
