variable "project" {
  description = "Id of the project that Serin runs in."
  type        = string

  validation {
    condition     = can(regex("^[a-z][-a-z0-9]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id has 6 to 30 lower-case letters, digits and hyphens, and starts with a letter."
  }
}

variable "region" {
  description = "Region of the functions and of the scheduler's jobs."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region looks like europe-west1."
  }
}

variable "clusters" {
  description = <<-EOT
    The clusters that Serin serves, by the name that it calls them.

    location          where the GKE cluster is, a zone or a region
    cluster           its name in GKE; the same as here if absent
    project           its project; Serin's if absent
    api, ca           address and CA (PEM) of its API server; GKE is asked if absent
    membership        its fleet membership: it is then reached through the Connect gateway
    metrics_server    its Prometheus; the project's Managed Service for Prometheus if absent
    requests_per_second   how fast one instance may ask its API server
  EOT
  type = map(object({
    location            = optional(string)
    cluster             = optional(string)
    project             = optional(string)
    api                 = optional(string)
    ca                  = optional(string)
    membership          = optional(string)
    metrics_server      = optional(string)
    requests_per_second = optional(number, 20)
  }))

  validation {
    condition     = length(var.clusters) > 0
    error_message = "Serin needs at least one cluster."
  }
  validation {
    condition     = alltrue([for name in keys(var.clusters) : can(regex("^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$", name))])
    error_message = "A cluster's name has up to 40 lower-case letters, digits and hyphens."
  }
  validation {
    condition     = alltrue([for each in var.clusters : each.location != null || each.api != null || each.membership != null])
    error_message = "Each cluster needs one of location, api and membership."
  }
}

variable "archive" {
  description = "Path of the functions' code, as `make package` writes it."
  type        = string

  validation {
    condition     = fileexists(var.archive)
    error_message = "There is no such file. Write it with `make package`."
  }
}

variable "database_location" {
  description = "Location of the Firestore database, such as eur3 or nam5; the region if absent. It cannot be changed later."
  type        = string
  default     = null
}

variable "database" {
  description = "Name of the Firestore database."
  type        = string
  default     = "serin"

  validation {
    condition     = var.database == "(default)" || can(regex("^[a-z][-a-z0-9]{2,61}[a-z0-9]$", var.database))
    error_message = "A database's name has 4 to 63 lower-case letters, digits and hyphens, and starts with a letter; or it is (default)."
  }
}

variable "keep_history" {
  description = "Whether the database, and the history in it, outlives the installation."
  type        = bool
  default     = true
}

variable "history_days" {
  description = "Days for which what is written of a run is kept; for ever if absent. Rollouts themselves never go."
  type        = number
  default     = null

  validation {
    condition     = var.history_days == null ? true : var.history_days >= 1 && var.history_days <= 36500 && floor(var.history_days) == var.history_days
    error_message = "The history is kept for a whole number of days, 1 to 36500, or for ever."
  }
}

variable "point_in_time_recovery" {
  description = "Whether Firestore keeps seven days of versions to go back to."
  type        = bool
  default     = false
}

variable "generation" {
  description = "Number of each generated secret; a higher one makes a new value. A new hash key starts no rollout, but an edit of a Secret since the last look is not seen: docs/upgrading.md has a way that misses none."
  type = object({
    hash_key  = optional(number, 1)
    scrape    = optional(number, 1)
    webhook_a = optional(number, 1)
    webhook_b = optional(number, 1)
  })
  default = {}
}

variable "webhook_slot" {
  description = "Which of its two secrets the clusters call the webhook with. To replace it: raise the other's generation, apply, change this, apply, and upgrade the chart."
  type        = string
  default     = "a"

  validation {
    condition     = contains(["a", "b"], var.webhook_slot)
    error_message = "The slot is a or b."
  }
}

variable "settings" {
  description = "Further settings of Serin, by variable (docs/settings.md), such as SERIN_EGRESS_ALLOW or SERIN_SLACK_CHANNEL. Not for secrets."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : startswith(name, "SERIN_")])
    error_message = "Every setting of Serin starts with SERIN_."
  }
}

variable "secrets" {
  description = "Further settings that are secrets: ids of secrets in Secret Manager, by function and variable. A function can read its own and no others."
  type        = map(map(string))
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.secrets), ["webhook", "event", "tick", "slack", "metrics"])) == 0
    error_message = "There is no such function: use webhook, event, tick, slack and metrics."
  }
}

variable "slack" {
  description = "Whether the slack function is deployed. Its secrets are given in `secrets`."
  type        = bool
  default     = false
}

variable "network" {
  description = "A way to private addresses: an existing serverless VPC connector, or a network and an unused /28 of it for a new one."
  type = object({
    connector = optional(string)
    network   = optional(string)
    range     = optional(string)
  })
  default = {}

  validation {
    condition     = (var.network.network == null) == (var.network.range == null)
    error_message = "A new connector needs both network and range."
  }
  validation {
    condition     = var.network.connector == null || var.network.network == null
    error_message = "Give an existing connector, or network and range for a new one, not both."
  }
}

variable "runtime" {
  description = "Python runtime of the functions."
  type        = string
  default     = "python313"

  validation {
    condition     = contains(["python311", "python312", "python313"], var.runtime)
    error_message = "Serin runs on python311, python312 and python313."
  }
}

variable "tick_instances" {
  description = "Most instances of the tick function. One heartbeat for each cluster runs at a time, and one sweep."
  type        = number
  default     = 8

  validation {
    condition     = var.tick_instances >= 1 && var.tick_instances <= 100
    error_message = "Use 1 to 100 instances."
  }
}

variable "alert_channels" {
  description = "Resource names of the notification channels that alerts go to."
  type        = list(string)
  default     = []
}

variable "alerts" {
  description = "Which alerts there are: fault, blind, rolled_back, jobs."
  type        = set(string)
  default     = ["fault", "blind", "jobs"]
}
