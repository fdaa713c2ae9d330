# What somebody should be told of, out of the logs that Serin writes anyway.

locals {
  ours = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=~\"^${var.prefix}-\""

  alerts = {
    fault = {
      name   = "Serin: a fault of its own"
      filter = "${local.ours} AND jsonPayload.msg=~\"^Fault in Serin\""
      advice = "A rollout stays where it is. Please report the log line; `make doctor` checks the installation."
    }
    blind = {
      name   = "Serin: a release is analysed blind"
      filter = "${local.ours} AND jsonPayload.msg=~\"checks in a row were not answered\""
      advice = "The metrics server or a hook does not answer. Traffic went to the primary, and the release waits."
    }
    rolled_back = {
      name   = "Serin: a release was rolled back"
      filter = "${local.ours} AND jsonPayload.msg=~\"^Rolling back \""
      advice = "The line says why; the history of the run has the values."
    }
    jobs = {
      name   = "Serin: a scheduled call fails"
      filter = "resource.type=\"cloud_scheduler_job\" AND resource.labels.job_id=~\"^${var.prefix}-\" AND severity>=ERROR"
      advice = "Without the sweep and the heartbeat no release moves. See the tick function's log."
    }
  }
}

resource "google_monitoring_alert_policy" "this" {
  for_each = { for key, alert in local.alerts : key => alert if contains(var.enabled, key) }

  project               = var.project
  display_name          = each.value.name
  combiner              = "OR"
  notification_channels = var.channels

  conditions {
    display_name = each.value.name

    condition_matched_log {
      filter = each.value.filter
    }
  }

  documentation {
    content   = each.value.advice
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "1800s"

    notification_rate_limit {
      period = "300s"
    }
  }
}
