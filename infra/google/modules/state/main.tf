# The Firestore database: one document a rollout, its history below it.
#
# Indexes and exemptions are read from infra/firestore.indexes.json, which a test compares with the queries in the code.

locals {
  plan = jsondecode(file("${path.module}/../../../firestore.indexes.json"))

  # The key of an index is what it is made of, so that a new one beside it does not rebuild it.
  indexes = {
    for index in local.plan.indexes :
    join("-", concat([index.collectionGroup], [for field in index.fields : field.fieldPath])) => index
  }
  exemptions = {
    for field in local.plan.fieldOverrides : "${field.collectionGroup}.${field.fieldPath}" => field
  }
}

resource "google_firestore_database" "this" {
  project                           = var.project
  name                              = var.name
  location_id                       = var.location
  type                              = "FIRESTORE_NATIVE"
  concurrency_mode                  = "OPTIMISTIC"
  point_in_time_recovery_enablement = var.point_in_time_recovery ? "POINT_IN_TIME_RECOVERY_ENABLED" : "POINT_IN_TIME_RECOVERY_DISABLED"
  delete_protection_state           = var.keep_history ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = var.keep_history ? "ABANDON" : "DELETE"
}

resource "google_firestore_index" "this" {
  for_each = local.indexes

  project     = var.project
  database    = google_firestore_database.this.name
  collection  = each.value.collectionGroup
  query_scope = each.value.queryScope

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path   = fields.value.fieldPath
      order        = try(fields.value.order, null)
      array_config = try(fields.value.arrayConfig, null)
    }
  }
}

# Long values that nothing asks for: without an index of their own they cost no writes.
resource "google_firestore_field" "unindexed" {
  for_each = local.exemptions

  project    = var.project
  database   = google_firestore_database.this.name
  collection = each.value.collectionGroup
  field      = each.value.fieldPath

  index_config {}
}

# Firestore removes a document of the history, within a day or so, when its `expires_at` has passed (SERIN_HISTORY_DAYS
# makes Serin write it). Documents without one stay for ever.
resource "google_firestore_field" "retention" {
  for_each = toset(["runs", "events"])

  project    = var.project
  database   = google_firestore_database.this.name
  collection = each.value
  field      = "expires_at"

  index_config {}
  ttl_config {}
}
