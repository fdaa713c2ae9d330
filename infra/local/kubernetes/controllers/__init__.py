"""What makes the objects of the embedded cluster move: the parts of kube-controller-manager, scheduler and kubelet that
Serin and its users notice.

One thread runs all of them (`loop`). They use the verbs of `api`, as the real ones use the API server.
"""
