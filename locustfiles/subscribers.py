"""Subscribers by the thousand: `locust -f locustfiles/subscribers.py --host http://...`.

Every user is an agent with conversations open; messages enter through the webhook on a schedule
fixed in advance, and each delivery is measured from the moment it was meant to go out.
The secret that ChatEngine verifies tokens with comes from CHATENGINE_JWT_SECRET.
"""

from locustfiles import users


class Subscriber(users.SubscriberUser):
    """An agent who reads."""
