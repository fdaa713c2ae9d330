"""What the API server asks before it stores an object (``admission.k8s.io/v1``): the question read, the answer written.

Pure: ``review`` reads, ``canary`` judges Canaries, ``hints`` finds what to look at, ``answer`` writes.
"""
