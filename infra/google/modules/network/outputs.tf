output "connector" {
  description = "Resource name of the connector."
  value       = google_vpc_access_connector.this.id
}
