# What Serin makes up itself: the key for hashes of Secrets, the token of whoever reads the metrics, and for each cluster
# two secrets for the webhook's path.
#
# The webhook takes both of them, the cluster calls with the one in the slot in use: so a new one is made in the other
# slot, the chart moves over, and no call is refused on the way.
#
# Values are ephemeral and written through a write-only argument, so they are in Secret Manager and nowhere else: not in
# the plan, not in the state. Raise a number in `generation` to make a new one.

locals {
  webhooks = {
    for pair in setproduct(var.clusters, ["a", "b"]) :
    "webhook-${pair[0]}-${pair[1]}" => { cluster = pair[0], slot = pair[1] }
  }
  generations = merge(
    { hash-key = var.generation.hash_key, scrape = var.generation.scrape },
    { for name, webhook in local.webhooks : name => webhook.slot == "a" ? var.generation.webhook_a : var.generation.webhook_b },
  )
}

ephemeral "random_password" "this" {
  for_each = local.generations

  length  = 48
  special = false
}

resource "google_secret_manager_secret" "this" {
  for_each = local.generations

  project   = var.project
  secret_id = "${var.prefix}-${each.key}"

  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "this" {
  for_each = local.generations

  secret                 = google_secret_manager_secret.this[each.key].id
  secret_data_wo         = ephemeral.random_password.this[each.key].result
  secret_data_wo_version = each.value
}
