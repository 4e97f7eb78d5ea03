"""The REST part of the fake Supabase: PostgREST over the rows of a `Database`.

From the outside in:

- `service`: HTTP, `/rest/v1/<table>`; `gateway`: API key, bearer and CORS; `faults`: for tests
- `calls`: a request, understood; `reading` and `writing`: what it does
- `query` and what it is made of: `conditions`, `selection`, `fields`, on the `scanner` that words
  complaints as Parsec does; `preferences`, `ranges`, `media`, `payload`: the rest of a request
- `matching`, `containment`, `shaping`, `values`: a query bound to a table
- `errors`: every refusal, in PostgREST's words
"""

from fakes.supabase.rest.faults import RestFault, RestFaults
from fakes.supabase.rest.service import Rest

__all__ = ["Rest", "RestFault", "RestFaults"]
