"""``python -m photon_cli`` is ``photon``."""

from .main import main

if __name__ == "__main__":
    main()
