"""`python -m hubel` is `hubel`."""

from hubel.cli import main

raise SystemExit(main())
