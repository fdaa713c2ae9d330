# The code of the functions: one archive in a bucket of its own, under the name of its content.

resource "google_storage_bucket" "this" {
  project                     = var.project
  name                        = var.bucket
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  lifecycle_rule {
    condition {
      age                = 30
      num_newer_versions = 3
    }
    action {
      type = "Delete"
    }
  }

  versioning {
    enabled = true
  }
}

resource "google_storage_bucket_object" "this" {
  bucket = google_storage_bucket.this.name
  name   = "serin-${filesha256(var.archive)}.zip"
  source = var.archive
}
