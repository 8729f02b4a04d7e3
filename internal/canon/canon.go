package canon
