"""Capacity and prices by Region, instance type and queue, written once an hour."""
