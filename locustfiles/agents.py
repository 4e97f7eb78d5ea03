"""Agents at work: `locust -f locustfiles/agents.py --host http://...`.

One in ten types, sends and follows its messages until they are read; the others read.
"""

from locustfiles import users


class Subscriber(users.SubscriberUser):
    """An agent who reads."""

    weight = 9


class Agent(users.AgentUser):
    """An agent who answers."""

    weight = 1
