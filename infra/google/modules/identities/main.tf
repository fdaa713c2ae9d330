# One service account for each function, for the caller of the tick function and for the build, with what each needs.
#
# webhook and slack, which anybody can reach, get no way to a cluster. Secrets are granted one by one in module function.

locals {
  accounts = {
    webhook = "answers the cluster's admission webhook"
    event   = "takes CloudEvents and ticks"
    tick    = "ticks: the one that changes clusters"
    slack   = "answers people in Slack"
    metrics = "answers Prometheus"
    caller  = "Cloud Scheduler calls the tick function as this one"
    build   = "builds the functions"
  }

  # Firestore, by database: everybody keeps state, metrics only reads.
  stores = {
    webhook = "roles/datastore.user"
    event   = "roles/datastore.user"
    tick    = "roles/datastore.user"
    slack   = "roles/datastore.user"
    metrics = "roles/datastore.viewer"
  }

  builds = ["roles/logging.logWriter", "roles/artifactregistry.writer", "roles/storage.objectViewer"]

  # Cluster access is decided by RBAC inside the cluster (charts/serin); these only open the door to its API.
  doors = concat(["roles/container.clusterViewer"], var.connect_gateway ? ["roles/gkehub.gatewayEditor"] : [])
  cluster_access = {
    for triple in setproduct(["tick", "event"], var.cluster_projects, local.doors) :
    join(" ", triple) => { account = triple[0], project = triple[1], role = triple[2] }
  }

  queries = {
    for pair in setproduct(["tick", "event"], var.metrics_projects) :
    join(" ", pair) => { account = pair[0], project = pair[1] }
  }
}

resource "google_service_account" "this" {
  for_each = local.accounts

  project      = var.project
  account_id   = "${var.prefix}-${each.key}"
  display_name = "Serin: ${each.value}"
}

resource "google_project_iam_member" "store" {
  for_each = local.stores

  project = var.project
  role    = each.value
  member  = google_service_account.this[each.key].member

  condition {
    title      = "Serin's database only"
    expression = "resource.name == \"${var.database}\""
  }
}

# Pause, resume and run the heartbeat; see what state it is in. Nothing else about jobs.
resource "google_project_iam_custom_role" "heartbeat" {
  project     = var.project
  role_id     = "${replace(var.prefix, "-", "_")}_heartbeat"
  title       = "Serin heartbeat"
  description = "Pauses, resumes and runs Cloud Scheduler jobs."
  permissions = [
    "cloudscheduler.jobs.enable",
    "cloudscheduler.jobs.get",
    "cloudscheduler.jobs.pause",
    "cloudscheduler.jobs.run",
  ]
}

resource "google_project_iam_member" "heartbeat" {
  for_each = toset(["webhook", "event", "tick", "slack"])

  project = var.project
  role    = google_project_iam_custom_role.heartbeat.id
  member  = google_service_account.this[each.key].member
}

resource "google_project_iam_member" "cluster" {
  for_each = local.cluster_access

  project = each.value.project
  role    = each.value.role
  member  = google_service_account.this[each.value.account].member
}

# Managed Service for Prometheus is asked through Cloud Monitoring.
resource "google_project_iam_member" "queries" {
  for_each = local.queries

  project = each.value.project
  role    = "roles/monitoring.viewer"
  member  = google_service_account.this[each.value.account].member
}

resource "google_project_iam_member" "build" {
  for_each = toset(local.builds)

  project = var.project
  role    = each.value
  member  = google_service_account.this["build"].member
}
