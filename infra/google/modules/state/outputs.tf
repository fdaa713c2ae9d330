output "url" {
  description = "The store as Serin's settings name it (SERIN_STORE)."
  value       = "firestore://${var.project}/${google_firestore_database.this.name}"
}

output "resource" {
  description = "The database as IAM conditions name it."
  value       = "projects/${var.project}/databases/${google_firestore_database.this.name}"
}
