"""GET and HEAD: the rows that the caller may see and asks for, all of them or a part."""

from fakes.supabase.database import Database
from fakes.supabase.rest.calls import Answer, Request
from fakes.supabase.rest.errors import not_one_row
from fakes.supabase.rest.ranges import content_range, status_of
from fakes.supabase.schema import SCHEMA

__all__ = ["read_rows"]


def read_rows(request: Request, database: Database) -> Answer:
    """Answer with rows; raises `RestError` (PGRST103, PGRST116) and `DatabaseError`."""
    window, media = request.window, request.media
    found = [row for row in database.rows(request.table.name) if request.matches(row)]
    page = request.sort(found)[window.first : window.end(len(found))]
    total = len(found) if request.preferences.count else None
    if media.single and len(page) != 1:
        raise not_one_row(len(page))
    status = status_of(window, len(page), total)
    headers = {
        "Content-Range": content_range(window.first, len(page), total),
        "Content-Location": _location(request),
        "Content-Type": media.content_type,
        "Content-Profile": SCHEMA,
    }
    applied = request.preferences.applied()
    if applied:
        headers["Preference-Applied"] = applied
    return Answer(status, headers, media.write([request.show(row) for row in page]))


def _location(request: Request) -> str:
    query = request.query.canonical
    return f"/{request.table.name}" + (f"?{query}" if query else "")
