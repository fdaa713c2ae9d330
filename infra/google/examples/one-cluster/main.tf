# One GKE cluster with Managed Service for Prometheus, and Serin in the same project.

variable "project" {
  description = "Id of the project of the cluster and of Serin."
  type        = string
}

provider "google" {
  project = var.project
}

module "serin" {
  source = "../.."

  project = var.project
  region  = "europe-west1"
  archive = "${path.module}/../../../../build/serin-functions.zip"

  clusters = {
    shop = { location = "europe-west1" }
  }
}

output "urls" {
  description = "Where each function is called."
  value       = module.serin.urls
}
