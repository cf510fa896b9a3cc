"""`python -m mtlray.analysis table|report|figures RESULTS`: as `mtlray` does, on a machine without torch or Ray."""

from mtlray.analysis.app import app, call

if __name__ == "__main__":
    call(app)
