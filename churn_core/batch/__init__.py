"""Whole files of customers."""
