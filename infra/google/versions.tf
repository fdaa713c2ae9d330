terraform {
  required_version = ">= 1.11" # write-only arguments keep generated secrets out of the state

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.7"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }
}
