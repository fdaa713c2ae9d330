# A way to private addresses: the API server or Prometheus inside a VPC.

resource "google_vpc_access_connector" "this" {
  project       = var.project
  region        = var.region
  name          = var.name
  network       = var.network
  ip_cidr_range = var.range
  min_instances = 2
  max_instances = 3
  machine_type  = "e2-micro"
}
