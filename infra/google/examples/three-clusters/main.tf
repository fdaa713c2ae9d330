# Three clusters in two regions, one of them private, with Slack and with alerts.

variable "project" {
  description = "Id of the project that Serin runs in."
  type        = string
}

variable "fleet_number" {
  description = "Number of the fleet's host project."
  type        = string
}

provider "google" {
  project = var.project
}

resource "google_monitoring_notification_channel" "platform" {
  project      = var.project
  display_name = "Platform team"
  type         = "email"
  labels       = { email_address = "platform@example.com" }
}

module "serin" {
  source = "../.."

  project           = var.project
  region            = "europe-west1"
  database_location = "eur3"
  archive           = "${path.module}/../../../../build/serin-functions.zip"

  clusters = {
    # A regional cluster in a project of its own.
    shop-eu = { project = "example-shop", location = "europe-west1", cluster = "shop" }

    # One in another region, with a Prometheus of its own behind a name that the functions can reach.
    shop-us = {
      project        = "example-shop"
      location       = "us-east1-b"
      cluster        = "shop"
      metrics_server = "https://prometheus.us.example.com"
    }

    # A private one, through the fleet's Connect gateway.
    batch = { membership = "projects/${var.fleet_number}/locations/global/gkeMemberships/batch" }
  }

  # The private Prometheus is inside the VPC.
  network = { network = "default", range = "10.8.0.0/28" }

  slack = true
  secrets = {
    slack = { SERIN_SLACK_SIGNING_SECRETS = "slack-signing-secret" }
    tick  = { SERIN_SLACK_TOKEN = "slack-bot-token" }
  }
  settings = { SERIN_SLACK_CHANNEL = "C0RELEASES" }

  alerts         = ["fault", "blind", "rolled_back", "jobs"]
  alert_channels = [google_monitoring_notification_channel.platform.id]
}

output "urls" {
  description = "Where each function is called; Slack's request URL is that of `slack`."
  value       = module.serin.urls
}
