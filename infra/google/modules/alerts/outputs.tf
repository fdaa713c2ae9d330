output "policies" {
  description = "Resource names of the alert policies."
  value       = { for key, policy in google_monitoring_alert_policy.this : key => policy.id }
}
