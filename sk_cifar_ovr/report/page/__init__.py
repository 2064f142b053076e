"""The HTML page of a report: one file with tables, the interactive map, mistakes, copies and figures. Needs Bokeh."""

from ._html_page import html_page

__all__ = ["html_page"]
