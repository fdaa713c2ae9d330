"""Examines an installation and says what is wrong with it, and what to do about it.

One file for each part that is examined; in each, asking is apart from judging, which is pure. What is broken takes
nothing else with it: who depends on it is "not checked".

It must never change anything: not a rollout, not a job, not an object of the cluster. And it must never say a secret.
"""
