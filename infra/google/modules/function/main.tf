# One function (2nd gen), built from the archive with the locked requirements.
#
# Cloud Run's own check of callers is open, because the function checks them itself: the webhook by the secret in its
# path, slack by Slack's signature, tick and event by the OIDC token of the caller, whose signature Cloud Run would take
# away if it checked the token first.

resource "google_cloudfunctions2_function" "this" {
  project     = var.project
  location    = var.region
  name        = "${var.prefix}-${var.name}"
  description = var.description

  build_config {
    runtime         = var.runtime
    entry_point     = var.name
    service_account = var.build_account

    source {
      storage_source {
        bucket = var.source_code.bucket
        object = var.source_code.object
      }
    }

    environment_variables = {
      GOOGLE_FUNCTION_SOURCE = "${var.name}.py" # at the archive's root, for `shared` to be found beside it
    }
  }

  service_config {
    service_account_email            = var.account
    available_memory                 = var.size.memory
    available_cpu                    = var.size.cpu
    timeout_seconds                  = var.size.timeout_seconds
    max_instance_count               = var.size.instances
    min_instance_count               = var.size.warm
    max_instance_request_concurrency = var.size.concurrency
    ingress_settings                 = var.internal ? "ALLOW_INTERNAL_ONLY" : "ALLOW_ALL"
    vpc_connector                    = var.connector
    vpc_connector_egress_settings    = var.connector == null ? null : "PRIVATE_RANGES_ONLY"
    environment_variables            = var.environment

    dynamic "secret_environment_variables" {
      for_each = var.secret_environment
      content {
        key        = secret_environment_variables.key
        project_id = var.project
        secret     = secret_environment_variables.value
        version    = "latest"
      }
    }

    dynamic "secret_volumes" {
      for_each = var.secret_files
      content {
        mount_path = secret_volumes.key
        project_id = var.project
        secret     = secret_volumes.value

        versions {
          version = "latest"
          path    = "value"
        }
      }
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.this]
}

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  member   = "allUsers"
}

# A function can read the secrets that it is given and no others.
resource "google_secret_manager_secret_iam_member" "this" {
  for_each = merge(var.secret_environment, var.secret_files)

  project   = var.project
  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${var.account}"
}
