# The two jobs of one cluster. Terraform makes them; Serin pauses, resumes and runs the heartbeat.

locals {
  jobs = {
    heartbeat = { schedule = "* * * * *", deadline = "180s", paused = true, what = "ticks what is due; paused while nothing is active" }
    sweep     = { schedule = var.sweep_schedule, deadline = "600s", paused = false, what = "finds what no hint told of" }
  }
}

resource "google_cloud_scheduler_job" "this" {
  for_each = local.jobs

  project          = var.project
  region           = var.region
  name             = "${var.prefix}-${each.key}-${var.cluster}"
  description      = "Serin, cluster ${var.cluster}: ${each.value.what}."
  schedule         = each.value.schedule
  time_zone        = "Etc/UTC"
  attempt_deadline = each.value.deadline
  paused           = each.value.paused

  # The next minute is the retry.
  retry_config {
    retry_count = 0
  }

  http_target {
    uri         = var.url
    http_method = "POST"
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode(jsonencode({ job = each.key, cluster = var.cluster }))

    oidc_token {
      service_account_email = var.caller
      audience              = var.audience
    }
  }

  lifecycle {
    ignore_changes = [paused] # Serin owns it from here on
  }
}
