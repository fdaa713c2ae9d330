"""The load tester, a program of its own beside Serin: a canary's hooks ask it for load, and for a person's yes or no.

It reads no cluster and no store of Serin. Whoever has its login can make it send requests, and nothing else.
"""
