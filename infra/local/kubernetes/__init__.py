"""An embedded Kubernetes API: a real HTTP server for clients and kubectl, with controllers that make workloads roll.

Start with `server.LocalKubernetes`. A request goes from `listener` to `application`, `verbs` and `api`; `kinds` has
what is particular to each kind, `controllers` what moves by itself.
"""
