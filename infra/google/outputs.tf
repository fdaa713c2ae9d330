output "urls" {
  description = "Where each function is called. Slack's request URL is that of `slack`."
  value       = { for name, function in module.function : name => function.url }
}

output "chart_values" {
  description = "Values of charts/serin, by cluster. The webhook's secret is not among them: `make deploy` reads it and hands it to Helm."
  value = {
    for name in keys(var.clusters) : name => {
      mode = "cloud"
      cloud = {
        webhookUrl = "${module.function["webhook"].url}/webhook"
        eventUrl   = "${module.function["event"].url}/${name}"
        users      = [for function in ["tick", "event"] : module.identities.email[function]]
      }
    }
  }
}

output "clusters" {
  description = "How each cluster is reached by whoever installs the chart: by its place in GKE, or its membership in a fleet, or neither."
  value = {
    for name, each in var.clusters : name => {
      project    = local.project_of[name]
      location   = each.location
      cluster    = coalesce(each.cluster, name)
      membership = each.membership
      by_dns     = try(local.dns_endpoint[name], null) != null
    }
  }
}

output "webhook_secrets" {
  description = "Ids of the secrets that the clusters call the webhook with, by cluster."
  value       = { for name in keys(var.clusters) : name => module.secrets.webhook[name][var.webhook_slot] }
}

output "scrape_secret" {
  description = "Id of the secret with the bearer token that Prometheus reads the metrics with."
  value       = module.secrets.scrape
}

output "scheduler_jobs" {
  description = "The heartbeat job of each cluster."
  value       = { for name, jobs in module.scheduler : name => jobs.heartbeat }
}
