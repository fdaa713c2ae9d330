output "email" {
  description = "E-mail addresses of the service accounts, by function, and of `caller`."
  value       = { for name, account in google_service_account.this : name => account.email }
}

output "build" {
  description = "Resource name of the service account that builds the functions, once it may."
  value       = google_service_account.this["build"].name
  depends_on  = [google_project_iam_member.build]
}
