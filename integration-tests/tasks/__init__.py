"""Tests of jobs with databases and servers, and the programs that they start."""
