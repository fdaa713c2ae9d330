"""Serin's product code: a pure middle (canary, rollout, plan, engine, render) and the edges that serve it.

Data flows one way: functions -> app -> tick -> (observe, analyse, decide, commit, converge, deliver).
"""
