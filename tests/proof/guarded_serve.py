"""``functions.serve`` for whom Google's certificates are at ``GOOGLE``, a URL: the tests hold the keys to these.

``python -m tests.proof.guarded_serve`` takes the same arguments. Nothing else about it is different.
"""

from __future__ import annotations

import os
import sys
from functools import partial

from functions import serve
from shared import caller
from shared.identity.certificates import Certificates

if __name__ == "__main__":
    vars(caller)["Certificates"] = partial(Certificates, os.environ["GOOGLE"])
    sys.exit(serve.main(sys.argv[1:]))
