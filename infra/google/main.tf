# Serin on Google Cloud: the functions and what they need, a module for each concern.
#
# What must never be in here: a secret's value, and the state of the heartbeat, which Serin owns.

locals {
  prefix   = "serin"
  audience = "${local.prefix}.${var.project}"

  # Clusters whose address has to be asked for.
  looked_up  = { for name, each in var.clusters : name => each if each.api == null && each.membership == null }
  project_of = { for name, each in var.clusters : name => coalesce(each.project, var.project) }

  by_gateway = anytrue([for each in var.clusters : each.membership != null])

  # GKE's DNS endpoint, where there is one, has a public certificate and needs no CA.
  dns_endpoint = {
    for name, found in data.google_container_cluster.this :
    name => try(found.control_plane_endpoints_config[0].dns_endpoint_config[0].allow_external_traffic, false)
    ? found.control_plane_endpoints_config[0].dns_endpoint_config[0].endpoint : null
  }
  api = {
    for name, each in var.clusters : name => coalesce(
      each.api,
      each.membership == null ? null : "https://connectgateway.googleapis.com/v1/${each.membership}",
      try("https://${local.dns_endpoint[name]}", null),
      try("https://${data.google_container_cluster.this[name].endpoint}", null),
    )
  }
  ca = {
    for name, each in var.clusters : name => each.ca != null || !contains(keys(local.looked_up), name)
    ? each.ca
    : (local.dns_endpoint[name] != null ? null : base64decode(data.google_container_cluster.this[name].master_auth[0].cluster_ca_certificate))
  }

  managed_prometheus = {
    for name, project in local.project_of :
    name => "https://monitoring.googleapis.com/v1/projects/${project}/location/global/prometheus"
  }
  metrics_server = { for name, each in var.clusters : name => coalesce(each.metrics_server, local.managed_prometheus[name]) }

  # SERIN_CLUSTERS, with and without the files of the webhook's secrets, which only that function has.
  registry = {
    for name, each in var.clusters : name => merge(
      {
        api               = local.api[name]
        credentials       = { google = true }
        metricsServer     = local.metrics_server[name]
        requestsPerSecond = each.requests_per_second
      },
      local.ca[name] == null ? {} : { ca = local.ca[name] },
    )
  }
  registry_of_webhook = {
    for name, entry in local.registry : name => merge(entry, {
      webhookSecrets = [for slot in ["a", "b"] : "${local.webhook_folders[name][slot]}/value"]
    })
  }
  webhook_folders = { for name in keys(var.clusters) : name => { for slot in ["a", "b"] : slot => "/etc/serin/${name}-${slot}" } }
  webhook_files = merge([
    for name, folders in local.webhook_folders : {
      for slot, folder in folders : folder => module.secrets.webhook[name][slot]
    }
  ]...)

  # What every function is told, and what those are told that work with clusters.
  common = merge({
    SERIN_STORE     = module.state.url
    SERIN_CLUSTERS  = jsonencode(local.registry)
    SERIN_SCHEDULER = "projects/${var.project}/locations/${var.region}"
  }, var.history_days == null ? {} : { SERIN_HISTORY_DAYS = tostring(var.history_days) }, var.settings)
  working = merge({
    SERIN_CALLERS      = module.identities.email["caller"]
    SERIN_AUDIENCES    = local.audience
    SERIN_METRICS_AUTH = "google"
  }, local.common)

  plain = { secret_environment = {}, secret_files = {}, internal = false, connector = null, size = {} }
  functions = {
    for name, function in {
      webhook = {
        description  = "Answers the admission webhooks of the clusters."
        environment  = merge(local.common, { SERIN_CLUSTERS = jsonencode(local.registry_of_webhook) })
        secret_files = local.webhook_files
      }
      event = {
        description        = "Takes CloudEvents and ticks the rollouts that they concern."
        environment        = local.working
        secret_environment = { SERIN_HASH_KEY = module.secrets.hash_key }
        connector          = local.connector
        size               = { timeout_seconds = 120 }
      }
      tick = {
        description        = "Heartbeat and sweep: does the work."
        environment        = local.working
        secret_environment = { SERIN_HASH_KEY = module.secrets.hash_key }
        internal           = true
        connector          = local.connector
        size               = { memory = "1Gi", timeout_seconds = 600, instances = var.tick_instances, concurrency = 4 }
      }
      metrics = {
        description        = "Serin's own metrics, for Prometheus."
        environment        = local.common
        secret_environment = { SERIN_SCRAPE_TOKENS = module.secrets.scrape }
      }
      slack = {
        description = "Slash command and buttons in Slack."
        # What takes longer than Slack waits goes on in a call of its own.
        environment = merge({ SERIN_SLACK_ADDRESS = "https://${var.region}-${var.project}.cloudfunctions.net/${local.prefix}-slack" }, local.common)
        size        = { timeout_seconds = 60 }
      }
    } : name => merge(local.plain, function) if name != "slack" || var.slack
  }

  connector = var.network.connector != null ? var.network.connector : one(module.network[*].connector)
}

resource "google_project_service" "this" {
  for_each = toset(concat(
    [
      "artifactregistry.googleapis.com",
      "cloudbuild.googleapis.com",
      "cloudfunctions.googleapis.com",
      "cloudscheduler.googleapis.com",
      "container.googleapis.com",
      "firestore.googleapis.com",
      "iam.googleapis.com",
      "logging.googleapis.com",
      "monitoring.googleapis.com",
      "run.googleapis.com",
      "secretmanager.googleapis.com",
      "storage.googleapis.com",
    ],
    var.network.network == null ? [] : ["vpcaccess.googleapis.com"],
    local.by_gateway ? ["connectgateway.googleapis.com", "gkehub.googleapis.com"] : [],
  ))

  project            = var.project
  service            = each.value
  disable_on_destroy = false
}

data "google_container_cluster" "this" {
  for_each = local.looked_up

  project  = local.project_of[each.key]
  location = each.value.location
  name     = coalesce(each.value.cluster, each.key)
}

module "state" {
  source = "./modules/state"

  project                = var.project
  name                   = var.database
  location               = coalesce(var.database_location, var.region)
  keep_history           = var.keep_history
  point_in_time_recovery = var.point_in_time_recovery

  depends_on = [google_project_service.this]
}

module "secrets" {
  source = "./modules/secrets"

  project    = var.project
  prefix     = local.prefix
  clusters   = keys(var.clusters)
  generation = var.generation

  depends_on = [google_project_service.this]
}

module "identities" {
  source = "./modules/identities"

  project          = var.project
  prefix           = local.prefix
  database         = module.state.resource
  cluster_projects = values(local.project_of)
  metrics_projects = [for name, each in var.clusters : local.project_of[name] if each.metrics_server == null]
  connect_gateway  = local.by_gateway

  depends_on = [google_project_service.this]
}

module "source" {
  source = "./modules/source"

  project  = var.project
  bucket   = "${local.prefix}-source-${var.project}"
  location = var.region
  archive  = var.archive

  depends_on = [google_project_service.this]
}

module "network" {
  source = "./modules/network"
  count  = var.network.network == null ? 0 : 1

  project = var.project
  region  = var.region
  name    = local.prefix
  network = var.network.network
  range   = var.network.range

  depends_on = [google_project_service.this]
}

module "function" {
  source   = "./modules/function"
  for_each = local.functions

  project            = var.project
  region             = var.region
  prefix             = local.prefix
  name               = each.key
  description        = each.value.description
  runtime            = var.runtime
  source_code        = { bucket = module.source.bucket, object = module.source.object }
  account            = module.identities.email[each.key]
  build_account      = module.identities.build
  environment        = each.value.environment
  secret_environment = merge(each.value.secret_environment, lookup(var.secrets, each.key, {}))
  secret_files       = each.value.secret_files
  internal           = each.value.internal
  connector          = each.value.connector
  size               = each.value.size

  depends_on = [google_project_service.this]
}

module "scheduler" {
  source   = "./modules/scheduler"
  for_each = var.clusters

  project  = var.project
  region   = var.region
  prefix   = local.prefix
  cluster  = each.key
  url      = module.function["tick"].url
  caller   = module.identities.email["caller"]
  audience = local.audience

  depends_on = [google_project_service.this]
}

module "alerts" {
  source = "./modules/alerts"

  project  = var.project
  prefix   = local.prefix
  channels = var.alert_channels
  enabled  = var.alerts

  depends_on = [google_project_service.this]
}
