output "bucket" {
  description = "Name of the bucket."
  value       = google_storage_bucket.this.name
}

output "object" {
  description = "Name of the archive in the bucket; it changes with the code and with nothing else."
  value       = google_storage_bucket_object.this.name
}
