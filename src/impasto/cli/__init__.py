"""The command line: ``impasto VERB ...``."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

from impasto import files, openmp
from impasto.cli.say import BUG, INTERRUPTED, USAGE
from impasto.errors import ImpastoError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; errors are printed as one line on standard error."""
    openmp.wait_briefly()
    from typer.exceptions import TyperException

    from impasto.cli.options import expand_options
    from impasto.cli.verbs import application

    arguments = expand_options(sys.argv[1:] if arguments is None else arguments)
    try:
        status = application()(arguments, prog_name="impasto", standalone_mode=False)
    except TyperException as error:
        # Usage errors: Typer's message, on one line.
        words = error.format_message().replace("\n", " ").replace("Value error, ", "")
        context = getattr(error, "ctx", None)  # some errors of options have none
        verb = [word for word in arguments[:1] if not word.startswith("-")]
        _complain(words, f"see {context.command_path if context else ' '.join(['impasto', *verb])} --help")
        status = USAGE
    except ImpastoError as error:
        if "--debug" in arguments:
            traceback.print_exc()
        _complain(str(error))
        status = USAGE
    except KeyboardInterrupt:
        sys.stderr.write("impasto: interrupted before there was a result to keep\n")
        status = INTERRUPTED
    except Exception as error:
        if "--debug" in arguments:
            traceback.print_exc()
        mended = files.explain_os_error(error) if isinstance(error, OSError) else None
        if mended is not None:
            _complain(mended)
        else:
            _complain(f"{type(error).__name__}: {error}", "this is a bug in impasto: --debug shows where")
        status = BUG if mended is None else USAGE
    sys.exit(status if isinstance(status, int) else 0)


def _complain(*parts: str) -> None:
    sys.stderr.write("impasto: " + "; ".join(part.rstrip(".") for part in parts) + "\n")
