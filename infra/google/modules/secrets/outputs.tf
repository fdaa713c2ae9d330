output "hash_key" {
  description = "Id of the secret with the key for hashes of Secrets (SERIN_HASH_KEY)."
  value       = google_secret_manager_secret.this["hash-key"].secret_id
  depends_on  = [google_secret_manager_secret_version.this]
}

output "scrape" {
  description = "Id of the secret with the token of whoever reads the metrics (SERIN_SCRAPE_TOKENS)."
  value       = google_secret_manager_secret.this["scrape"].secret_id
  depends_on  = [google_secret_manager_secret_version.this]
}

output "webhook" {
  description = "Ids of the secrets in the webhook's path, by cluster and slot."
  value = {
    for cluster in var.clusters : cluster => {
      for slot in ["a", "b"] : slot => google_secret_manager_secret.this["webhook-${cluster}-${slot}"].secret_id
    }
  }
  depends_on = [google_secret_manager_secret_version.this]
}
