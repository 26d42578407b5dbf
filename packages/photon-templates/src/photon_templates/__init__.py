"""Jinja2 templates as a part of an application."""
