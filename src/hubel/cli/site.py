"""`hubel site`: the studio as files for any web server."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from hubel.cli._output import print_json, say, tell

DESCRIPTION = """Write the studio into a folder for any web server: a link to it opens on a phone, nothing installed.

hubel's own analysis runs in the page, by Pyodide (Python as WebAssembly), which npm fetches once into the cache, or
which lies in node_modules. The page asks nobody but its own server, works from any subfolder, and off line after the
first visit (over https or from localhost). Files in the folder that are not its own stay."""
EXAMPLES = """  hubel site -o public/
  hubel site -o public/ --course exercises.md
  python -m http.server --directory public/           and open localhost:8000"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FOLDER", help="where it is written")
    parser.add_argument(
        "--course", type=Path, metavar="FILE.md", help="a teacher's exercises in Markdown, in place of hubel's own"
    )
    parser.add_argument("--json", action="store_true", help="print the files' sizes as JSON")


def run(arguments: Namespace) -> int:
    """Write the site."""
    from hubel.studio.course import course_of
    from hubel.studio.pyodide import VERSION, pyodide_folder
    from hubel.studio.site import write_site

    course = course_of(arguments.course) if arguments.course else None
    sizes = write_site(arguments.output, pyodide_folder(tell), course)
    ours = sum(size for name, size in sizes.items() if not name.startswith("pyodide/"))
    if arguments.json:
        told = {"exercises": len(course["exercises"])} if course else {}
        print_json({"folder": str(arguments.output), "files": sizes, "pyodide": VERSION, **told})
    else:
        say(
            f"wrote {len(sizes)} files to {arguments.output}: {ours:,} bytes of hubel's, {sum(sizes.values()):,} in all"
        )
        if course:
            many = len(course["exercises"])
            say(f"with {many} exercise{'' if many == 1 else 's'} of {arguments.course}")
    return 0
