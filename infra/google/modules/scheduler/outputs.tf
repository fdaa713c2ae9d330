output "heartbeat" {
  description = "Resource name of the heartbeat job."
  value       = google_cloud_scheduler_job.this["heartbeat"].id
}
