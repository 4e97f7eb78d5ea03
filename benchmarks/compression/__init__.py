"""permessage-deflate: what it saves on the wire, and what it costs at both ends."""
