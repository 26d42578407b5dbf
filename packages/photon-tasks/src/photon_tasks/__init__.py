"""Durable jobs, schedules and background tasks for applications."""

from ._tasks_settings import TasksSettings as TasksSettings
