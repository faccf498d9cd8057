"""What `moim sfu` says before anything else is imported holds for its tests in this process, too:
the library reads its longest request line once, and other tests import it first."""

import os

from moim.sfu_server import LINE_LENGTH_VARIABLE, REQUEST_LINE_BYTES

os.environ.setdefault(LINE_LENGTH_VARIABLE, str(REQUEST_LINE_BYTES))
