-- name: limits
SELECT role, what, most FROM role_limit ORDER BY what, most, role

-- name: set_limit
INSERT INTO role_limit (role, what, most) VALUES ($1, $2, $3) ON CONFLICT (role, what) DO UPDATE SET most = $3
