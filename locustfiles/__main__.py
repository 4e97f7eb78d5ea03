"""`python -m locustfiles`: the options that our locustfiles add to Locust's own.

`locust --help` cannot tell of them: it is printed before the locustfile is read.
"""

import argparse

from locust.argument_parser import LocustArgumentParser

from locustfiles.options import add_arguments

parser = LocustArgumentParser(
    usage="locust -f locustfiles/subscribers.py --host URL [our options] [Locust's options]",
    epilog="And every option of Locust: see `locust --help`.",
    add_help=False,
    add_config_file_help=False,
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
)
add_arguments(parser)
print(parser.format_help(), end="")
