"""CloudEvents that tell of objects in the cluster: read (``cloudevent``), and reduced to a hint (``hints``). Pure."""
